"""What can be read of a running wrapper over HTTP: nothing is ever changed from here.

`answers` has what a page or a scrape is made of and needs no library; `listener` needs aiohttp (the
extra ``metrics``), so it is imported only where it is wanted.
"""

from .answers import Answer, Asked, Place, Routes

__all__ = ["Answer", "Asked", "Place", "Routes"]

"""Visit a page and say when it shows what is awaited: for browsers in namespaces of a lab.

python -m tests.web.visit DIRECTORY URL PICTURE EXPRESSION...

Each JavaScript expression is awaited in turn and its value printed as a line of JSON; at the end
come the troubles of the console and the places that were asked, and the picture is written.
"""

import asyncio
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from .browser import Browser


async def visit(directory, url, picture, *expressions):
    async with Browser(Path(directory)) as browser:
        await browser.look(width=1100, height=1400)
        await browser.open(url)
        for expression in expressions:
            value = await browser.until(expression, seconds=60)
            say(value)
        await browser.shoot(Path(picture))
        places = sorted({urlsplit(one).netloc for one in browser.asked})
        say({"troubles": browser.troubles, "places": places})


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(visit(*sys.argv[1:]))

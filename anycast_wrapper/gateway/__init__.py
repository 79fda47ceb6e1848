"""The router's side: which servers answer, and a way to the service addresses that leads to those.

============  ======================================================================================
``model``     the nouns: servers, pools, members
``ports``     what carries a service address to its servers
``exchange``  one exchange with the kernel over netlink, for what needs it
============  ======================================================================================
"""

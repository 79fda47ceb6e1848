"""Questions to name servers: sent, answered, judged.

============  ======================================================================================
``exchange``  one message out, one back, over UDP or TCP
``asking``    servers asked all at once, in one time and in so many tries
``plainloop`` a loop for a program that does nothing else
``glance``    a usual question made, and the code of an answer read, by their bytes
``faults``    what it means that there is no answer
``reply``     what an answer has to be, and what is wrong with it (dnspython)
``finding``   what it comes to
============  ======================================================================================

The first five have no imports that cost anything: `anycast-wrap check` is started every few seconds
for every server by programs that fork for each check.
"""

"""One running tracker: ``anycast-wrap track`` on a gateway.

============  ======================================================================================
``running``   what it is made of, its control socket, its reload
``wiring``    the configuration made into values and adapters
``logbook``   what the log says
``status``    what ``track status`` says, as a document and as one line; what systemd is told
``tally``     what has to be counted while it happens
``catalogue`` every metric
``exposing``  the metrics as they are at a scrape, and the listener
============  ======================================================================================
"""

"""Metrics for Prometheus.

==============  ====================================================================================
``catalogue``   every metric: name, type, labels, what it means; docs/metrics.rst is made from it
``tally``       what has to be counted while it happens: an `Audience`
``lag``         how late the loop comes
``processes``   what the kernel says of our process and of the daemon's
``sources``     what else is asked at a scrape
``collector``   all of it, as it is at the moment of a scrape
``sheet``       families of prometheus-client in the making
``exposition``  the text, kept for half a second
==============  ====================================================================================

``collector``, ``sheet`` and ``exposition`` need prometheus-client (the extra ``metrics``), so
nothing is imported here. There is no global state: a registry belongs to one
`exposition.Exposition`.
"""

"""``anycast-wrap check``: one server asked once, for monitoring and for keepalived.

===========  =======================================================================================
``options``  what may be said on the command line, and the way from there to an order
``order``    what is asked, of whom, and what an answer is held to
``asking``   an order carried out
``telling``  what was found, as Nagios or as keepalived wants to hear it
``program``  all of it
===========  =======================================================================================

It is started every few seconds for every server. So it imports neither click nor dnspython nor
asyncio, whose start alone costs ten times what the questions do: the usual answer is known by its
bytes (`questions.glance`). Only one that takes more than a glance brings dnspython in.
"""

"""What is wrong with this host, or about to be, told before it costs an answer.

`facts` is what can be known of a host, `gather` finds it out, within bounded time and without
changing anything; `checks` are pure functions from facts to findings; `report` tells people and
programs; `fixing` mends what is ours to mend.
"""

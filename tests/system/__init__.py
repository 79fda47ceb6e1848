"""A whole Debian, with systemd as its first process, and ours in the place of named.

The same tests on two machines: one that is made of namespaces boots within a second, on the files
of this one, and belongs to every run of the tests. ``./run system`` makes one that qemu emulates:
Debian from its packages, a kernel of its own, and our package installed.

==============  ==================================================================================
``machine``     one that is switched on: commands in it, what becomes of queries, a power cut
``namespaces``  the first
``qemu``        the second
``image``       its disk: debootstrap, the package of ``./run deb``
``furnishing``  what both have: neighbours and a load, from the files in ``inside``
==============  ==================================================================================
"""

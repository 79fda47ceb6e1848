"""A whole Debian under qemu, with systemd as its first process, and our package installed in it.

``./run system`` makes it and tries it.

===========  =====================================================================================
``image``    the disk: debootstrap, the package of ``./run deb``, what is in ``inside``
``machine``  one that is switched on: commands in it, its end, a power cut
``inside``   what the machine brings: a gateway, a client and another node in namespaces, a load
===========  =====================================================================================
"""

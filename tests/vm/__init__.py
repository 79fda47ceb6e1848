"""A Debian kernel under qemu, for what the kernel of this machine lacks: dummy, IPVS, netem.

``./run vm COMMAND`` runs a command in it, as root, on this machine's own files.

=============  ===================================================================================
``kit``        what it is made of: Debian packages, downloaded and unpacked, never installed
``initramfs``  the archive that it boots from
``machine``    one run: boots, runs a command, hands on what it prints and its exit status
=============  ===================================================================================

The root file system is an overlay: this machine's own ``/`` by 9p, which qemu exports read-only;
over it the kit's unpacked packages, as if they were installed; over both a tmpfs that takes what is
written. So nothing that runs inside can change anything outside, and what this machine has (the
sources, the virtual environment, BIND, FRR) is there without a copy.

There is no KVM in it on purpose: it runs wherever qemu does, a tenth as fast.
"""

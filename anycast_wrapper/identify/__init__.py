"""Who answers at a service address: asked from many source ports, counted, shown.

Three parts that know nothing of each other but their values. *Asking* (`asking`, `channel`,
`wire`) is all the I/O there is, and makes `Visit` values. *Counting* (`counting`, `tally`,
`judging`, `evenness`, `serials`, `presence`, `strip`) is pure, and makes `Findings` of them.
*Showing* (`text`, `document`, `watching`, `lines`, `screen`) writes those down; `run` joins them.

It needs no wrapper, no configuration and no permission.
"""

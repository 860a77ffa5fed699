"""What differs between computers and operating systems, one idea a file. Imports only ``meadow.errors``.

``devices``: what this machine can compute on, now; start there. Its sources: ``nvml`` (NVIDIA), ``torch_devices``
(Apple, AMD, and what torch can use), ``machine`` (processor, memory, battery, disks, network), ``recorded`` (replays,
for tests); ``readings`` has the data they give. ``fit``: how much of a model fits, pure. ``paths``: where identity,
caches, logs and sockets live. ``limits``: how many files may be open.
"""

"""The media engine: one process, one thread, one tick every 20 ms that moves all legs at once (DESIGN section 5).

``loop.py`` is the tick, read from top to bottom; every step of it is a function over arrays in a module of its own. No loop
over samples, and no Python loop over legs except the system calls; what is rare (a key, the end of a clip) is picked out by a
mask and done one by one.
"""

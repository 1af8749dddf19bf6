"""The owner's panel in the browser: a process of its own on loopback, `butler panel`.

It reads the files of the data folder, and asks the daemon by the control socket for all else.
"""

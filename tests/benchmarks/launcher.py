"""Runs a program and prints its wall seconds, CPU seconds, most bytes in memory and exit code: ``launcher.py COMMAND``.

What the system counts as a program's memory begins with that of the process that started it, so it is started from one
that has loaded next to nothing.
"""

import os
import sys
import time

started = time.perf_counter()
silent = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[silent])
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - started
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, os.waitstatus_to_exitcode(status))

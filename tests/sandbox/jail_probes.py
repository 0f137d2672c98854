"""What native code inside the jail tries: each a source whose ``f`` gives what it reached.

``f`` must give something false, raise, or end the process: anything else is a breach. Numbers of
system calls are for x86-64 and, after it, aarch64; ``None`` where there is no such call.
"""

from __future__ import annotations

import platform

HEAD = """
import ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
memory = ctypes.create_string_buffer(4096)
def vector(place):
    '''A struct iovec of eight bytes, at the buffer or at an object that the parent has as well.'''
    address = id(None) if place is None else ctypes.addressof(place)
    return ctypes.create_string_buffer(struct.pack('QQ', address, 8))
def call(*arguments):
    '''The raw call's result; negative where it failed.'''
    return libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
"""

PYTHON = {
    "environment": "return dict(os.environ)",
    "environment in memory": """
        environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')
        return bool(environ) and environ[0]""",
    "descriptors": """
        import sys
        open_ones = []
        for number in range(256):
            try:
                if os.write(number, b'') == 0: open_ones.append(number)
            except OSError: pass
        return len(open_ones) > 1""",
    "environment of the parent": "return open('/proc/1/environ').read()",
    "memory of the parent": "return open('/proc/1/mem', 'rb').read(1)",
    "own memory map": "return open('/proc/self/maps').read()",
    "list of the root": "return os.listdir('/')",
    "password file": "return open('/etc/passwd').read()",
    "write a file": "return open('/tmp/reached', 'w').write('x')",
    "write shared memory": "return open('/dev/shm/reached', 'w').write('x')",
    "up and out": "return os.open('../../../../etc', os.O_PATH)",
    "fork": "return os.fork() >= 0",
    "fork bomb": "[os.fork() for _ in range(50)]; return True",
    "daemon": "os.setsid(); return True",
    "thread": """
        import threading
        done = []
        thread = threading.Thread(target=lambda: done.append(1)); thread.start(); thread.join()
        return done""",
    "exec": "os.execv('/bin/sh', ['sh', '-c', 'true'])",
    "subprocess": "import subprocess; return subprocess.run(['/bin/true']).returncode == 0",
    "memfd": "return os.memfd_create('x') >= 0",
    "pipe": "return os.pipe()",
    "duplicate": "return [os.dup(n) for n in range(20)]",
    "TCP": "s = socket.socket(); s.connect(('127.0.0.1', 22)); return True",
    "TCP listen": "s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); return True",
    "UDP": "return socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))",
    "IPv6": "return socket.socket(socket.AF_INET6)",
    "abstract unix": "s = socket.socket(socket.AF_UNIX); s.bind('\\0reached'); return True",
    "socket pair": "return socket.socketpair()",
    "netlink": "return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "vsock": "return socket.socket(40, socket.SOCK_STREAM)",
    "packet": "return socket.socket(17, socket.SOCK_RAW)",
    "algorithm socket": "return socket.socket(38, socket.SOCK_SEQPACKET)",
    "descriptor from the peer": """
        s = socket.socket(fileno=next(n for n in range(99) if not _fails(os.write, n, b'')))
        return s.recvmsg(1, 100)""",
    "signal to the parent": "os.kill(1, 9); return True",
    "signal to all": "os.kill(-1, 9); return True",
    "signal to the group": "os.killpg(0, 9); return True",
    "parent": "return os.getppid() + 1",
    "set user": "os.setuid(0); return True",
    "set groups": "os.setgroups([0]); return True",
    "nice": "return os.nice(-5) is not None",
    "affinity": "os.sched_setaffinity(0, {0}); return True",
    "names of the machine": "return os.uname()",
    "load": "return os.getloadavg()",
    "stat oracle": """
        seen = []
        for path in ('/etc/passwd', '/no/such', '/', '/proc/self', '/dev/null'):
            try: os.stat(path); seen.append('there')
            except OSError as error: seen.append(error.errno)
        return len(set(seen)) > 1""",
    "access oracle": "return os.access('/', os.F_OK)",
    "read link": "return os.readlink('/proc/self/exe')",
    "working directory": "return os.getcwd()",
    "change directory": "os.chdir('/'); return True",
    "change root": "os.chroot('/'); return True",
    "make directory": "os.mkdir('/reached'); return True",
    "remove": "os.unlink('/etc/passwd'); return True",
    "mode": "os.chmod('/etc/passwd', 0o777); return True",
    "owner": "os.chown('/etc/passwd', 0, 0); return True",
    "link": "os.link('/etc/passwd', '/reached'); return True",
    "symbolic link": "os.symlink('/etc/passwd', '/reached'); return True",
    "terminal": "return os.openpty()",
    "terminal size": "return os.get_terminal_size(3)",
    "executable mapping": "import mmap; return mmap.mmap(-1, 4096, prot=7)",
    "import from disk": "import sqlite3; return sqlite3",
    "load a library": "return ctypes.CDLL('libm.so.6')",
    "raise its memory": """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2); return True""",
    "read its limits": "import resource; return resource.getrlimit(resource.RLIMIT_AS)",
    "more descriptors": """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); return True""",
    "usage of children": "import resource; return resource.getrusage(resource.RUSAGE_CHILDREN)",
}

_SYSCALLS: dict[str, tuple[int | None, int | None, str]] = {
    "ptrace attach": (101, 117, "16, 1, 0, 0"),
    "ptrace trace me": (101, 117, "0, 0, 0, 0"),
    "process_vm_readv": (310, 270, "1, vector(memory), 1, vector(None), 1, 0"),
    "process_vm_writev": (311, 271, "1, vector(memory), 1, vector(None), 1, 0"),
    "pidfd_open": (434, 434, "1, 0"),
    "pidfd_send_signal": (424, 424, "3, 0, None, 0"),
    "pidfd_getfd": (438, 438, "3, 0, 0"),
    "clone": (56, 220, "17, 0, 0, 0, 0"),
    "vfork": (58, None, ""),
    "clone3": (435, 435, "memory, 88"),
    "execve": (59, 221, "b'/bin/true', None, None"),
    "execveat": (322, 281, "3, b'', None, None, 0x1000"),
    "memfd_create": (319, 279, "b'x', 0"),
    "memfd_secret": (447, 447, "0"),
    "io_uring_setup": (425, 425, "8, memory"),
    "bpf": (321, 280, "0, memory, 64"),
    "userfaultfd": (323, 282, "1"),
    "perf_event_open": (298, 241, "memory, 0, -1, -1, 0"),
    "add_key": (248, 217, "b'user', b'k', b'v', 1, -2"),
    "keyctl": (250, 219, "0, -3, 1"),
    "request_key": (249, 218, "b'user', b'k', None, -2"),
    "unshare user": (272, 97, "0x10000000"),
    "setns": (308, 268, "3, 0"),
    "mount": (165, 40, "b'none', b'/', b'tmpfs', 0, None"),
    "umount": (166, 39, "b'/', 2"),
    "open_tree": (428, 428, "-100, b'/', 1"),
    "fsopen": (430, 430, "b'tmpfs', 0"),
    "pivot_root": (155, 41, "b'.', b'.'"),
    "chroot": (161, 51, "b'/'"),
    "setuid": (105, 146, "0"),
    "setresuid": (117, 147, "0, 0, 0"),
    "capset": (126, 91, "memory, memory"),
    "prctl dumpable": (157, 167, "4, 1, 0, 0, 0"),
    "prctl name": (157, 167, "15, b'x', 0, 0, 0"),
    "prlimit of another": (302, 261, "1, 9, memory, 0"),
    "prlimit that asks": (302, 261, "0, 9, 0, memory"),
    "prlimit of descriptors": (302, 261, "0, 7, memory, 0"),
    "shmget": (29, 194, "0, 4096, 0o1600"),
    "semget": (64, 190, "0, 1, 0o1600"),
    "msgget": (68, 186, "0, 0o1600"),
    "mq_open": (240, 180, "b'x', 0o102, 0o600, None"),
    "mprotect executable": (10, 226, "ctypes.c_void_p(ctypes.addressof(memory) & ~4095), 4096, 7"),
    "mmap executable": (9, 222, "0, 4096, 5, 0x22, -1, 0"),
    "pkey_mprotect": (329, 288, "ctypes.c_void_p(ctypes.addressof(memory) & ~4095), 4096, 7, -1"),
    "personality": (135, 92, "0x0400000"),
    "openat2": (437, 437, "-100, b'/', memory, 24"),
    "open": (2, None, "b'/', 0"),
    "creat": (85, None, "b'/reached', 0o600"),
    "name_to_handle_at": (303, 264, "-100, b'/', memory, memory, 0"),
    "open_by_handle_at": (304, 265, "3, memory, 0"),
    "inotify_init": (294, 26, "0"),
    "fanotify_init": (300, 262, "0, 0"),
    "sysinfo": (99, 179, "memory"),
    "uname": (63, 160, "memory"),
    "times": (100, 153, "memory"),
    "getrusage": (98, 165, "0, memory"),
    "sched_setscheduler": (144, 119, "0, 1, memory"),
    "setpriority": (141, 140, "0, 0, -10"),
    "clock_settime": (227, 112, "0, memory"),
    "settimeofday": (164, 170, "memory, None"),
    "reboot": (169, 142, "0, 0, 0, None"),
    "kexec_load": (246, 104, "0, 0, None, 0"),
    "init_module": (175, 105, "memory, 16, b''"),
    "finit_module": (313, 273, "3, b'', 0"),
    "syslog": (103, 116, "3, memory, 100"),
    "swapon": (167, 224, "b'/x', 0"),
    "acct": (163, 89, "None"),
    "quotactl": (179, 60, "0, b'/', 0, memory"),
    "sethostname": (170, 161, "b'x', 1"),
    "timer_create": (222, 107, "0, None, memory"),
    "setitimer": (38, 103, "0, memory, None"),
    "alarm": (37, None, "1"),
    "sendmsg": (46, 211, "3, memory, 0"),
    "recvmsg": (47, 212, "3, memory, 0"),
    "sendto": (44, 206, "3, memory, 1, 0, None, 0"),
    "getsockopt": (55, 209, "3, 1, 17, memory, memory"),
    "getpeername": (52, 205, "3, memory, memory"),
    "shutdown": (48, 210, "3, 2"),
    "dup": (32, 23, "3"),
    "fcntl": (72, 25, "3, 3, 0"),
    "poll": (7, None, "memory, 0, 0"),
    "epoll_create1": (291, 20, "0"),
    "eventfd2": (290, 19, "0, 0"),
    "signalfd4": (289, 74, "-1, memory, 8, 0"),
    "timerfd_create": (283, 85, "0, 0"),
    "splice": (275, 76, "3, 0, 3, 0, 1, 0"),
    "vmsplice": (278, 75, "3, memory, 1, 0"),
    "sendfile": (40, 71, "3, 3, 0, 1"),
    "landlock_add_rule": (445, 445, "3, 1, memory, 0"),
    "seccomp": (317, 277, "1, 0, memory"),
    "modify_ldt": (154, None, "0, memory, 16"),
    "iopl": (172, None, "3"),
    "arch_prctl": (158, None, "0x1002, 0"),
    "rseq": (334, 293, "memory, 32, 0, 0"),
    "membarrier": (324, 283, "0, 0, 0"),
    "move_pages": (279, 239, "1, 1, memory, None, memory, 0"),
    "mbind": (237, 235, "memory, 4096, 0, None, 0, 0"),
    "kcmp": (312, 272, "1, 1, 0, 0, 0"),
    "tkill": (200, 130, "1, 9"),
    "tgkill": (234, 131, "1, 1, 9"),
    "rt_sigqueueinfo": (129, 138, "1, 9, memory"),
    "rt_sigaction": (13, 134, "2, memory, None, 8"),
    "getppid": (110, 173, ""),
    "setsid": (112, 157, ""),
    "getdents64": (217, 61, "3, memory, 4096"),
    "x32 getpid": (0x40000000 + 39, None, ""),
    "x32 execve": (0x40000000 + 520, None, "b'/bin/true', None, None"),
    "a number that is none": (1000, 1000, ""),
}


def sources() -> dict[str, str]:
    """Every probe for this machine, by name."""
    found = {}
    for name, body in PYTHON.items():
        lines = body if "\n" in body else f"\n        {body}"
        found[name] = (
            HEAD
            + "def _fails(f, *a):\n    try: f(*a)\n    except OSError: return True\n"
            + f"def f():{lines}\n"
        )
    column = 1 if platform.machine() in ("aarch64", "arm64") else 0
    for name, row in _SYSCALLS.items():
        number = row[column]
        if number is not None:
            comma = ", " if row[2] else ""
            found[f"call: {name}"] = f"{HEAD}def f(): return call({number}{comma}{row[2]}) >= 0\n"
    return found

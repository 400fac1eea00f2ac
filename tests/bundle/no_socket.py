"""`python no_socket.py COMMAND…`: the command and all its children, ended by the kernel (SIGSYS) where one
asks for a socket or connects. Two ends of a program's own pipe (socketpair) are no connection. Linux on
x86-64; needs no rights and no other tool."""

import ctypes
import os
import struct
import sys

_NUMBERS = {"socket": 41, "connect": 42}
_X86_64 = 0xC000003E
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
"""Of seccomp's little machine, which reads the call's number at 0 and the processor's kind at 4."""
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def forbid_sockets() -> None:
    """From here on, for this process and what it starts. Raises OSError."""
    calls = list(_NUMBERS.values())
    instructions = [
        (_LOAD, 0, 0, 4),
        # Another kind's numbers would be others.
        (_JUMP_IF_EQUAL, 0, len(calls) + 2, _X86_64),
        (_LOAD, 0, 0, 0),
        *((_JUMP_IF_EQUAL, len(calls) - n, 0, call) for n, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]
    packed = b"".join(struct.pack("HBBI", *one) for one in instructions)
    program = _Program(len(instructions), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    for words in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0),
        (_PR_SET_SECCOMP, _FILTER, ctypes.byref(program)),
    ):
        if libc.prctl(*words, 0, 0):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter")


if __name__ == "__main__":
    forbid_sockets()
    os.execvp(sys.argv[1], sys.argv[1:])

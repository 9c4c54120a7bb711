/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into a module that counts its lines, with --wrap=_exit: a process that leaves by _exit() writes its counters
 * first. */
void __gcov_dump(void);
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);

_Noreturn void __wrap__exit(int code)
{
    __gcov_dump();
    __real__exit(code);
}

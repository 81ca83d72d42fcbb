# Part of the scripts that ask something in Python.

# The system's own, which starts fast and is there when the products are broken; else theirs. The program is on the
# standard input, and finds its words behind one that is none of its own.
any_python() {
    python_ended=0
    host_python -S - - "$@" || python_ended=$?
    if [ "$python_ended" != 127 ]; then return "$python_ended"; fi
    supervisor_python "$@"
}

# Part of the scripts that run Python.

# The system's Python, which starts fast and works with broken products; otherwise the products' Python. The program is on
# standard input; its first argument is unused.
any_python() {
    python_ended=0
    host_python -S - - "$@" || python_ended=$?
    if [ "$python_ended" != 127 ]; then return "$python_ended"; fi
    supervisor_python "$@"
}

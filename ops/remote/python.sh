# Part of the scripts that ask something in Python.

# The system's own, which starts fast and is there when the products are broken; else theirs. The program is on the
# standard input, and finds its words behind one that is none of its own.
any_python() {
    for python in python3 /usr/libexec/platform-python python2 python; do
        if command -v "$python" >/dev/null; then
            "$python" -E -s -S - - "$@"
            return
        fi
    done
    supervisor_python "$@"
}

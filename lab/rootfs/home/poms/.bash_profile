# shellcheck shell=bash
# Get the aliases and functions
if [ -f ~/.bashrc ]; then
    # shellcheck source=/dev/null
    . ~/.bashrc
fi
echo "Last login: from somewhere"

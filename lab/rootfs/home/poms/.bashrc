# shellcheck shell=bash
# A site's greeting, to every shell, asked for or not.
echo "**************************************************************"
echo "* NOTICE TO USERS: this is a laboratory computer system, for *"
echo "* authorized use only. Welcome to $(hostname -s), $USER."
echo "**************************************************************"

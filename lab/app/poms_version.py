VERSION = "checkout"
FAULT = ""

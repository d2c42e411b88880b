"""Files of conversations to drafts: one module a format, and `detect.read`, which tells them apart.

A format knows nothing of spaces or stores. Each draft carries an origin made of what the file says, never of where the
file lies, so that reading a file twice, or a longer edition of it, remembers each thing once.
"""

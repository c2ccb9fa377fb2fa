"""
What our own pages put on the wire: cookies, signed URLs, CSRF tokens, Fetch Metadata, HTML.

No policy lives here; whoever calls decides, this room reads and writes.
"""

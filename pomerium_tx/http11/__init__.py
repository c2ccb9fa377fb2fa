"""
HTTP/1.1 on the wire: strict heads, exact framing, one canonical target.

`heads` are the values, `reader` turns bytes into them, `writer` turns them into bytes again, `canonical` decides what a
request is about. Nothing here waits, connects or decides who may do what.
"""

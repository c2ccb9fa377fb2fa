"""
The data path: carries requests, decided at header time and streamed.

Read `downstream` first (one connection from a user agent), then `exchange` (one request and its response), then
`tunnel` (what an exchange becomes after 101). `forwarding` and `websocket` are pure; `pool` and `upstream` are the
other side.
"""

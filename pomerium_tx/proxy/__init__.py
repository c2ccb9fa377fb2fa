"""
The data path: carries requests, decided at header time and streamed.

Read `downstream` first (one connection from a user agent), then `exchange` (one request and its response), then
`tunnel` (what an exchange becomes after 101). `local` is an exchange too, with our own pages. `connection` says what
connections and exchanges know of one another; `pool` and `upstream` are the other side; `forwarding` and `websocket`
are pure. What is not read yet waits in `held`, what is answered and not taken yet is remembered in `unsent`.
"""

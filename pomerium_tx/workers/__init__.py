"""
Several processes that serve, and the one that keeps what they share.

The process that was started is the *parent*: it has the sockets, the log and all work that is done once. Each *worker*
is a process of its own that accepts on the same sockets and has a registry of its own, which follows the log over a
*link*. Read `shared_store` (what an append waits for), then `follower` (one end of it), then `supervisor` (who starts
workers, and what becomes of one that does not keep up). `worker` is the other side.
"""

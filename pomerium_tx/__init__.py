"""
pomerium_tx, an identity-aware access proxy whose sign-out really signs out.

The rooms, from the street down to the ground; each may use those below it, never its neighbours:

* ``tap``, ``cli``: what a person types (``twistd pomerium``, ``pomerium-tx``)
* ``service``: listens; starts and stops in order
* ``drill``: a session of nobody's ends, on real sockets, to see how fast it is cut
* ``house``: what lasts as long as the process, around the layout of the day
* ``outside``: the network, as a configuration sees it
* ``layout``: what a configuration comes to; builds every room and joins them; a reload replaces it
* ``administration``: what connections to the administrator's listener know
* ``applications``: what stands behind the routes, with the connections to it
* ``limits``: what a configuration allows
* ``registrations``: the clients that a configuration has registered at OPs
* ``proxy``: carries requests to the applications
* ``authenticate``: the authenticate host, where people sign in
* ``dashboard``: what ``/.pomerium/`` and ``/.well-known/`` answer on route hosts
* ``operations``: access log, audit log, what the administrator sees and does
* ``demo``: a development OpenID Provider, two sample applications, another relying party
* ``authorize``: the question, asked once for every request
* ``logout``: ending sessions; the one door
* ``routing``: which route a request is for
* ``assertion``: the signed identity that an application receives
* ``policy``: who may use a route
* ``sessions``: the session registry, a fold over the store's log
* ``oidc``: the OpenID Provider, as a relying party sees it
* ``http11``: HTTP/1.1 heads and framing, strictly
* ``jose``: signed tokens, trusting nothing in them
* ``tls``: certificates, ours and the upstreams'
* ``web``: pages, cookies, signed URLs
* ``config``: the configuration file and the environment
* ``logs``: JSON lines
* ``resolver``: names of this machine, wherever they are asked
* ``paths``: every well-known path
"""

"""Proxies for SocketClient: which one to use (resolvers), and how to get through it (negotiations).

SslSocket's own ``setProxy()`` is something else: there Qt speaks with the proxy. Here the program
sees each step, may bring its own resolver, and every reply of a proxy has an error of its own.
"""

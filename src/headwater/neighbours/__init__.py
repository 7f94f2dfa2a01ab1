"""The other services of AWS on the same port, by moto or by another server: a folder that could be deleted.

Refuses to know how records are stored and served; what a service asks of Headwater goes through `calls`.
"""

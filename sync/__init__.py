"""What becomes of answers once they have arrived: merging them, and exchanging them with other servers.

Pure: knows `forms`, never Flask, SQLAlchemy or marshmallow, and does no input or output except through a store it is given.
"""

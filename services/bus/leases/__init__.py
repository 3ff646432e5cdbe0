"""Who works on what.

A lease of one thing (a recording, a replay, a pass over the log) is claims.Claim: a key with a time to live. Shards, of
which a process holds many, are leases.Leases: they are spread over the live processes (membership, shards) and handed
over while data flow. Both say by status.LeaseStatus whether what is done under a lease may leave.
"""

"""Claude Code's own command as an agent, for users without Node.

It speaks JSON lines both ways (``--output-format stream-json --input-format stream-json``) and asks
for permission on the same lines (``--permission-prompt-tool stdio``).
"""

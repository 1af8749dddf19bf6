"""The gateway's file: what was received and sent, addresses, and what chats are called."""

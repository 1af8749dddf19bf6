"""The gateway's database: received and sent messages, addresses, and names of chats."""

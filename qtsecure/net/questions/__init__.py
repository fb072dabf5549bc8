"""What a handshake asks the program, how it is answered, and what a refusal means."""

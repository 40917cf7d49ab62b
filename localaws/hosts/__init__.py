"""Processes of hosts: what runs for an EC2 instance, a command, a task or a function, on this machine."""

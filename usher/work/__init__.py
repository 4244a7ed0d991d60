"""What is due, and who does it: ticks, the worker, and the processes of one machine."""

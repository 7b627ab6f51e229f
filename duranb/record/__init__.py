"""What happened: the events, the objects they fold into, and questions to the history."""

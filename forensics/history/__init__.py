"""When keys went, and by what: what witnesses of the past say of the files that broken keys need."""

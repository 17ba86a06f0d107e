"""A process as an SOP on paper (PermenPAN-RB 35/2012): its identity page, and its flowchart as a table. Pure."""

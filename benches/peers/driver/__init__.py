"""The parts of run-peers.py.

catalogue   which peers there are, and what they are asked to do
building    makes the peers that can be made here
machine     cores, and what others use of them
running     one run of one peer
session     rounds of runs, interleaved; keeps the samples that nothing disturbed
results     medians and ratios, and the form in which they are kept
table       results as text
plot        results as a picture

None knows of one that stands below it here, save that session uses all above it and table and plot know results alone.
"""

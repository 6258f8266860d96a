build/tests/peers/peer.o: tests/peers/peer.c common/args.h common/die.h \
 common/net.h
common/args.h:
common/die.h:
common/net.h:

build/common/upper.o: common/upper.c common/upper.h common/say.h
common/upper.h:
common/say.h:

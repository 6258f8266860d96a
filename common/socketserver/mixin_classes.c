/* The eight combinations by their names: two mixins, each with four servers. */
#include "socketserver/mixin.h"

struct server_class threading_tcp_server(void)
{
    return threading_mixin(tcp_server());
}

struct server_class threading_udp_server(void)
{
    return threading_mixin(udp_server());
}

struct server_class threading_unix_stream_server(void)
{
    return threading_mixin(unix_stream_server());
}

struct server_class threading_unix_datagram_server(void)
{
    return threading_mixin(unix_datagram_server());
}

struct server_class forking_tcp_server(void)
{
    return forking_mixin(tcp_server());
}

struct server_class forking_udp_server(void)
{
    return forking_mixin(udp_server());
}

struct server_class forking_unix_stream_server(void)
{
    return forking_mixin(unix_stream_server());
}

struct server_class forking_unix_datagram_server(void)
{
    return forking_mixin(unix_datagram_server());
}

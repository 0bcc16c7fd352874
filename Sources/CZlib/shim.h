#pragma once
#include <zlib.h>

// inflateInit and deflateInit2 are macros, which Swift does not see.
static inline int czlib_inflate_init(z_stream *stream) { return inflateInit(stream); }

// 16 more than the largest window asks for gzip's frame.
static inline int czlib_gzip_init(z_stream *stream)
{
    return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
}

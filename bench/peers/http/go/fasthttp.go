package main

import (
	"encoding/json"
	"strings"

	"github.com/valyala/fasthttp"
)

func postOrder(ctx *fasthttp.RequestCtx, id string) {
	var o order
	if err := json.Unmarshal(ctx.PostBody(), &o); err != nil || !o.valid() {
		ctx.Error("not an order", fasthttp.StatusBadRequest)
		return
	}
	answer, err := json.Marshal(accepted(id, o))
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	ctx.SetContentType("application/json")
	ctx.SetBody(answer)
}

// fasthttp routes nothing: the routes are written out.
func main() {
	handler := func(ctx *fasthttp.RequestCtx) {
		path := string(ctx.Path())
		switch {
		case path == "/" && ctx.IsGet():
			ctx.SetContentType("text/plain")
			ctx.SetBodyString(greeting)
		case strings.HasPrefix(path, "/orders/") && ctx.IsPost():
			postOrder(ctx, strings.TrimPrefix(path, "/orders/"))
		default:
			ctx.Error("not found", fasthttp.StatusNotFound)
		}
	}
	panic(fasthttp.Serve(listen(), handler))
}

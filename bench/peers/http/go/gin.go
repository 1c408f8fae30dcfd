package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	app := gin.New()
	app.GET("/", func(c *gin.Context) { c.String(http.StatusOK, greeting) })
	app.POST("/orders/:id", func(c *gin.Context) {
		var o order
		if err := c.ShouldBindJSON(&o); err != nil {
			c.String(http.StatusBadRequest, err.Error())
			return
		}
		c.JSON(http.StatusOK, accepted(c.Param("id"), o))
	})
	panic(http.Serve(listen(), app))
}

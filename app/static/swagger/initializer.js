// Starts Swagger UI. The Content-Security-Policy of /docs allows no script within the page.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  validatorUrl: "none", // by default, Swagger's own service is asked whether the document is valid
});

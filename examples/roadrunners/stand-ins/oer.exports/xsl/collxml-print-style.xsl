<?xml version="1.0"?>
<!-- The print style that a collection asks for. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
                xmlns:col="http://cnx.rice.edu/collxml">
  <xsl:output method="text"/>
  <xsl:template match="/">
    <xsl:value-of select="//col:param[@name='print-style']/@value"/>
  </xsl:template>
</xsl:stylesheet>

// Package v20170312 has just the names that flannel's tencent-vpc backend uses, so that flanneld builds where the SDK
// itself cannot be had. A flanneld built with it answers every use of that backend with ErrAbsent.
package v20170312

import "errors"

// ErrAbsent is what every call returns.
var ErrAbsent = errors.New("this flanneld was built without the tencent-vpc backend's SDK")

type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	DestinationCidrBlock, GatewayType, GatewayId, RouteType *string
	RouteId                                                 *uint64
	Enabled                                                 *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponseParams struct{ RouteTableSet []*RouteTable }

type DescribeRouteTablesResponse struct{ Response *DescribeRouteTablesResponseParams }

type DeleteRoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

type CreateRoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

type Client struct{}

func NewClientWithSecretId(_, _, _ string) (*Client, error) { return &Client{}, nil }

func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest { return &DescribeRouteTablesRequest{} }

func NewDeleteRoutesRequest() *DeleteRoutesRequest { return &DeleteRoutesRequest{} }

func NewCreateRoutesRequest() *CreateRoutesRequest { return &CreateRoutesRequest{} }

func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, ErrAbsent
}

func (*Client) DeleteRoutes(*DeleteRoutesRequest) (any, error) { return nil, ErrAbsent }

func (*Client) CreateRoutes(*CreateRoutesRequest) (any, error) { return nil, ErrAbsent }

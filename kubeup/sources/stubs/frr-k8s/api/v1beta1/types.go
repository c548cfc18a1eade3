// Package v1beta1 has just the names that MetalLB uses of FRR-K8s, so that it builds where that module cannot be had.
// A MetalLB built with it announces in layer 2 and with its native BGP; its FRR-K8s mode ends with "no kind is registered".
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// AddToScheme adds nothing: what is not registered cannot be written to a cluster.
func AddToScheme(*runtime.Scheme) error { return nil }

type DynamicASNMode string

type SecretReference struct{ Name, Namespace string }

type AllowedOutPrefixes struct{ Prefixes []string }

type LocalPrefPrefixes struct {
	LocalPref uint32
	Prefixes  []string
}

type CommunityPrefixes struct {
	Community string
	Prefixes  []string
}

type AsPathPrependPrefixes struct {
	AsPathPrepend uint8
	Prefixes      []string
}

type Advertise struct {
	Allowed                   AllowedOutPrefixes
	PrefixesWithLocalPref     []LocalPrefPrefixes
	PrefixesWithCommunity     []CommunityPrefixes
	PrefixesWithAsPathPrepend []AsPathPrependPrefixes
}

type Neighbor struct {
	Address, Interface, Password, BFDProfile                               string
	ASN                                                                    uint32
	DynamicASN                                                             DynamicASNMode
	Port                                                                   *uint16
	HoldTime, KeepaliveTime, ConnectTime                                   *metav1.Duration
	EnableGracefulRestart, EBGPMultiHop, DualStackAddressFamily, DisableMP bool
	ToAdvertise                                                            Advertise
	PasswordSecret                                                         SecretReference
}

type Router struct {
	ASN       uint32
	ID, VRF   string
	Neighbors []Neighbor
	Prefixes  []string
}

type BFDProfile struct {
	Name                                                                           string
	ReceiveInterval, TransmitInterval, DetectMultiplier, EchoInterval, MinimumTTL *uint32
	EchoMode, PassiveMode                                                          *bool
}

type BGPConfig struct {
	Routers     []Router
	BFDProfiles []BFDProfile
}

type FRRConfigurationSpec struct {
	NodeSelector metav1.LabelSelector
	BGP          BGPConfig
}

// DeepCopyInto shares what is behind pointers: nobody gets to change it.
func (in *FRRConfigurationSpec) DeepCopyInto(out *FRRConfigurationSpec) { *out = *in }

type FRRConfiguration struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	Spec FRRConfigurationSpec
}

func (in *FRRConfiguration) DeepCopy() *FRRConfiguration {
	out := *in
	return &out
}

func (in *FRRConfiguration) DeepCopyObject() runtime.Object { return in.DeepCopy() }
